"""Keys of one tenant, and the sealing of what is kept of patients under them."""
