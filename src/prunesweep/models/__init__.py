"""The networks: settings, builders, and networks of the user's own. May import `errors` and `code`."""
