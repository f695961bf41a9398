"""What every sign-in at another server needs: a memory in the browser, and the code's exchange."""
