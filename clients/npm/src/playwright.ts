/** A simulator for each test of Playwright: `import { test, expect } from "portmaster-simulator/playwright"`. */
import { test as base } from "@playwright/test";
import { type Options, Simulator } from "./index.js";

export { expect } from "@playwright/test";

/** Say `test.use({ simulatorOptions: { scenario: "captive-portal" } })` for another world. */
export const test = base.extend<{ simulatorOptions: Options; simulator: Simulator }>({
  simulatorOptions: [{}, { option: true }],
  simulator: async ({ simulatorOptions }, use) => {
    const simulator = await Simulator.start(simulatorOptions);
    await use(simulator);
    await simulator.stop();
  },
});
