"""Pages and plots of a finished run: files that need no other, no server and no network.

``page`` writes a run's report: ``content`` is what it is made from, ``arrangement`` its order and its lists, ``cuts``
its clusters at every number of them, ``overview`` and ``page_data`` what its scripts read, and ``template_files`` puts
it all into ``template/``. ``plot`` draws every chart, on the axes of ``axis``: those of a run (``charts``), of changed
images (``shift_plot``) and of a sweep (``sweep_page``).
"""
