"""How far a run is: its named steps, and the time that it has left."""
