import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "tests",
  use: {
    baseURL: "http://127.0.0.1:4173",
    launchOptions: {
      // A browser of the system instead of Playwright's own, where one is named.
      executablePath: process.env.CHROMIUM || undefined,
      args: process.env.CHROMIUM ? ["--no-sandbox"] : [],
    },
  },
  webServer: { command: "node serve.js", url: "http://127.0.0.1:4173" },
});
