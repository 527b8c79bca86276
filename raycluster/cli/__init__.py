"""The command line. ``main`` is the door, ``command`` says what a command is, and each command has a file of its own.

``tyro_form`` turns options and settings into flags, ``config_file`` reads them from a file, and ``exit_codes`` turns
errors into sentences.
"""
