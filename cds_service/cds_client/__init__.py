"""A CDS Client (CDS Hooks 2.0): what calls a CDS Service, for the sandbox and for who tries one."""
