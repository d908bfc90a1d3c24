"""The store: the results of finished steps on disk, under their digests.

An entry consists of two files, `ab/abcd….safetensors` and `ab/abcd….json`. Both are written to temporary files and
renamed, the tensors first, so that an entry exists once its record does. The record holds a checksum of itself and of
the tensors. Damaged entries are reported, moved to `damaged/` and computed again. An entry that cannot be read at the
moment is not changed. Nothing is pickled.

Any number of processes can use one store. The process that computes a step holds the lock of the step, and the
operating system releases the locks of a process that dies. Waiting for a process that is stopped has a limit. A store
that cannot be written is only read: the run continues, with one warning.

- `settings`: the schema that users set
- `entries`: a record as bytes, and the files of an entry
- `locks`: locks between processes
- `tally`: counts over all runs of a store
- `store`: read and write entries, lock them, mark them as in use
- `costs`: what steps have cost so far, for forecasts
- `eviction`: keep a store within its size limit
- `listing`: the stored chains, for people

May import `errors` and `files`. Only `store` imports torch.
"""
