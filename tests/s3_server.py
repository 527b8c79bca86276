"""A server of S3 on this machine, which can be stopped and started again, and what its tests look at."""

import contextlib
import time

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

KEY, SECRET = "AKIATESTKEY", "testsecret12345"


class S3Server:
    """A server with one bucket, ``bucket``. What it holds stays while it is stopped."""

    def __init__(self):
        self._port, self._server = 0, None

    def start(self):
        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()
        if not self._port:
            self._port = self._server.get_host_and_port()[1]
            fs.FileSystem.from_uri(self.uri("") + "&allow_bucket_creation=true")[0].create_dir("bucket")

    def stop(self):
        self._server.stop()

    def uri(self, path, bucket="bucket"):
        """Return the URI of a path in the bucket, with credentials."""
        options = f"endpoint_override=127.0.0.1:{self._port}&scheme=http&region=us-east-1"
        return f"s3://{KEY}:{SECRET}@{bucket}/{path}?{options}"

    def names(self, path):
        """Return the names of the files below a path."""
        filesystem, base = fs.FileSystem.from_uri(self.uri(path))
        found = filesystem.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
        return [one.path[len(base) + 1 :] for one in found if one.is_file]

    def files(self, path):
        """Return what files below a path hold, by name."""
        filesystem, base = fs.FileSystem.from_uri(self.uri(path))
        found = filesystem.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
        held = {}
        for one in found:
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                if one.is_file:
                    held[one.path[len(base) + 1 :]] = filesystem.open_input_stream(one.path).read()
        return held

    def downloaded(self, path, folder):
        """Write the files below a path to a folder of this machine, and return it."""
        for name, content in self.files(path).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder

    def write(self, path, content):
        """Write a file."""
        filesystem, where = fs.FileSystem.from_uri(self.uri(path))
        with filesystem.open_output_stream(where) as file:
            file.write(content)


def left_here(tmp_path):
    """Return the names of all files in the cache of a test."""
    return [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def until(condition):
    """Wait until something is true."""
    for _ in range(10_000):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it never happened")
