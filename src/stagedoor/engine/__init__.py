"""Floor 3: one port, two engines. Knows neither identity nor secrets: it only ever sees markers."""
