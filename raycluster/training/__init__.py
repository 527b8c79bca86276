"""The training of a method on images, around the method itself.

``trainer`` is a run from start to end. ``fit`` is its part on Ray Train, shown by ``progress``, with fewer processes
where Ray is private (``private_trainer``); ``finish`` writes the last files. ``in_process`` is the same run without Ray
Train, for sweeps.

A method sees a context: ``worker`` has the one inside a Ray Train worker, ``in_process`` and ``local_context`` have
others, and ``run_context`` is what those with a run folder share. ``driver`` is the actor that clusters the features of
all workers, after a ``rehearsal`` while they start; ``gather`` and ``driver_answers`` convert what goes in and out of
it, and ``worker_results`` is what the workers leave.
"""
