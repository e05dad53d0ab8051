"""Files that nobody has checked, made of valid small ones by seeded changes, for every reader.

    python -m tests.fuzz --seconds 3600                  all readers, an hour in all
    python -m tests.fuzz png store --inputs 100000       two of them, so many inputs each
    python -m tests.fuzz --inputs 0                      the corpus alone, of what was found

A reader may take a file or refuse it by a GenbenchError. Anything else is a finding: another
exception, a hang of 10 s, a process that dies, more memory than MEMORY, an object unpickled. The
file goes to `tests/fuzz/corpus/READER/`, which the tests replay.
"""
