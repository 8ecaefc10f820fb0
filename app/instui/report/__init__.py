"""A session as one HTML file, for people who were not there: nothing in it is loaded, and nothing of it is sent."""
