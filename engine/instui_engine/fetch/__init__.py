"""Downloads: HTTP with resume and retries, and the credentials of indexes."""
