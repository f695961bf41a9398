"""The pages under /review, where people look at what the audit log holds."""
