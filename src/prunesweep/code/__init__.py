"""Code as data: import an object by its path, and hash the source code that computes something.

Modules:
    locate: import an object by its path.
    rename: canonical names for the local variables in a syntax tree.
    normalize: the syntax of a source file without the parts that cannot change a result.
    modules: read the files of modules and follow their imports, without executing them.
    local: find the modules that a user can edit.
    hashing: the hash of a module of prunesweep, or of a user's own object, with everything that it imports.

This folder imports only `errors.py` from the rest of prunesweep.
"""
