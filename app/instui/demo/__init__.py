"""Demonstrations: the real engine on wheels made on the fly, slowed down for the eye, without a network."""
