"""The screens: each a view on a session, or a question above one."""
