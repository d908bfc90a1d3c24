"""Completed runs told to a tracker, by choice (`logger=tensorboard`): a back end a module, none of them imported."""
