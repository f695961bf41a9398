"""The pages in a real browser: headless Chromium against the service as a person starts it."""
