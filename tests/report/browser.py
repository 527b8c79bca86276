"""A headless Chromium for the tests of pages."""

import json
import os
import shutil
import time

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
QUIET = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1300,900"
)
PREFERENCES = {"profile.default_content_setting_values.automatic_downloads": 1}  # several without a click
PATIENCE_S = 60


class Browser:
    """One window, in which pages are opened one after another; downloads go to a folder."""

    def __init__(self, downloads):
        options = Options()
        options.binary_location = CHROMIUM
        for argument in QUIET.split():
            options.add_argument(argument)
        options.add_experimental_option("prefs", PREFERENCES | {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.downloads = downloads
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))

    def open(self, page):
        """Open a file, with a clean log."""
        self.driver.get("about:blank")
        self.messages(), self.requests()
        self.driver.get(page.resolve().as_uri())
        self.until("document.documentElement.dataset.ready")

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def get(self, expression):
        return self.run(f"return {expression}")

    def until(self, expression):
        """Wait until a JavaScript expression is true, and return its value."""
        end = time.monotonic() + PATIENCE_S
        while not (value := self.get(expression)):
            assert time.monotonic() < end, f"never true: {expression}"
            time.sleep(0.05)
        return value

    def messages(self):
        """Return what the console has to say since the last time."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        """Return the addresses asked for since the last time."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def downloaded(self, name):
        """Return the content of a file once it has been saved."""
        path, end = self.downloads / name, time.monotonic() + PATIENCE_S
        while not path.exists():
            assert time.monotonic() < end, f"never saved: {sorted(os.listdir(self.downloads))}"
            time.sleep(0.05)
        text = path.read_text(encoding="utf-8")
        path.unlink()
        return text
