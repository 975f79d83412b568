"""What tests share: paths, random maps, an OSC service to play with."""
