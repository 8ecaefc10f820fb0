"""From the arguments of a request to locked wheels: inputs, uv as the resolver, lock files."""
