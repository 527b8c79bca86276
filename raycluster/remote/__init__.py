"""Results elsewhere, behind a URI or on another machine: a local folder is worked on in place of the one there.

- ``destination`` is what commands call; ``run_copy`` fetches a run for reading only.
- ``mirror`` fills the local folder, and uploads what changes, in the order of ``upload_order``; ``uploading`` does it
  while a command works.
- ``folder`` is the one behind the URI, and ``lock`` keeps other jobs out of it.
- ``shared_folder`` lets all machines of a cluster use the folder of a command; those that do not see it reach its files
  through an actor, in ``kept_folder``.
"""
