"""Everything that this service asks of other machines on a caller's word: FHIR, files, key sets.

A caller who names an address borrows our place in the network (server-side request forgery), so:

- https alone. http goes to a FHIR base that is written down with http, in LAMO_FHIR_ALLOWED_BASES
  or among the bases of a registered client, and in sandbox mode to this machine. A key set comes
  over https, or in sandbox mode from this machine.
- A host is a plain name or one IP address as RFC 3986 spells it. Other spellings, user names and
  port 0 are refused.
- A name is looked up once for each connection, every address of the answer is checked, and the
  connection goes to an address that was checked; certificate and Host stay those of the name.
- Addresses are public ones, those in LAMO_OUTBOUND_NETWORKS and, in sandbox mode, this machine's.
- No redirects, cookies, proxies, netrc or compressed answers. A token goes under its base only.
- Bytes, pages, seconds and connections are limited, looking up names included.
- A server that keeps failing is left alone for some seconds.
"""
