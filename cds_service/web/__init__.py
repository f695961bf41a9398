"""HTTP in and out: addresses, strict JSON, refusals, headers, pages, the description of it all."""
