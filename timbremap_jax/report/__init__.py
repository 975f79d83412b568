"""The report card of a map: what is heard when it is played, in figures and on a page."""
