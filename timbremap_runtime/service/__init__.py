"""A performance for other programs: OSC, MIDI, the models that can be loaded, message logs."""
