"""The colours of phases, states and texts, dark and light: those of the screens, and of reports."""

from collections.abc import Mapping

DARK: Mapping[str, str] = {
    "background": "#10151c",
    "panel": "#171e28",
    "selected": "#1d2a3c",
    "text": "#d5dde6",
    "dim": "#8896a9",
    "faint": "#66768b",
    "rule": "#2f3b4a",
    "accent": "#bfd3ea",
    "fetch": "#58a6ff",
    "unpack": "#39c5cf",
    "stage": "#bc8cff",
    "wait": "#f0883e",
    "commit": "#7ee0a1",
    "failed": "#ff7b72",
    "age": "#e3b341",
    "plus": "#7ee0a1",
    "minus": "#f0883e",
}
LIGHT: Mapping[str, str] = {
    "background": "#fbfbf9",
    "panel": "#eef1f4",
    "selected": "#dde9f7",
    "text": "#1f2933",
    "dim": "#5b6775",
    "faint": "#78838f",
    "rule": "#cdd5dd",
    "accent": "#24466b",
    "fetch": "#0b5fcc",
    "unpack": "#006d78",
    "stage": "#7a3ecf",
    "wait": "#a34404",
    "commit": "#146b39",
    "failed": "#bb232b",
    "age": "#785700",
    "plus": "#146b39",
    "minus": "#a34404",
}
