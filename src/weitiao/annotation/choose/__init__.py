"""Orders of rows for labelling (query strategies of active learning), a class each."""
