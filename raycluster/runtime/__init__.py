"""What every command needs around its work: Ray, the machine, the output folder and the console.

- Ray: ``session`` connects, ``ray_output`` keeps it quiet, ``ray_errors`` explains its errors, ``resources`` decides
  how many workers there are and what each gets, ``object_store`` says how many images fit into memory.
- The machine: ``machine`` counts cores and memory, ``background`` runs work in a thread, ``versions`` lists packages.
- The output folder: ``paths`` locates it, ``run_dir`` knows its files, ``checkpoint`` and ``metrics_log`` are written
  on the way and ``summary`` at the end, ``files`` writes atomically.
- The console: ``console`` shows progress, ``metric_lines`` describes metrics, ``units`` puts numbers into words,
  ``clock`` measures stages.
"""
