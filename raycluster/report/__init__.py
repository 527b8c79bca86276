"""Pages and plots of a finished run, as text that stands alone: no server, no scripts, no links.

``page`` is a run's report, with thumbnails from ``contact_sheet``. ``k_plot`` shows how the number of clusters was
chosen, ``shift_plot`` how well clusters hold up on changed images, and ``sweep_page`` the trials of a sweep, whose
settings ``axis`` lays out. They share the SVG elements in ``svg``.
"""
