"""The terminal interface: screens that show snapshots of a session. Textual is imported nowhere else.

`app.py` is the application, `actions.py` the registry of keys, `watch.py` the session on the screen, and
`controller.py` what may be done to it. `views/` are the screens, `rows/` computes their content as plain data,
`widgets/` paint it, and `text/` is what rows are made of and widgets paint.
"""
