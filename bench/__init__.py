"""`make bench`: ratios against bare uvicorn, interleaved in one run, with the CPU time that the server spends on a request."""
