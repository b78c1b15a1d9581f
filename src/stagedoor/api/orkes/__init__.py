"""The Orkes dialect under `/api`: HTTP to the words of the gate (contract/orkes.md A and B)."""
