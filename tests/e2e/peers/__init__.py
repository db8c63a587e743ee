"""The real peers of the tests: the server itself, its database, browsers, clients and MCP servers."""
