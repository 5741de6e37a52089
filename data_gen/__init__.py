"""Experience: scripted experts, collection of their episodes, and the trajectory dataset."""
