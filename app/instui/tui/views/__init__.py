"""The screens: each is a view of a session, or a question above one."""
