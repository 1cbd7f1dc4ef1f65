/** A simulator for each test of Vitest: `import { test } from "portmaster-simulator/vitest"`. */
import { test as base, type TestAPI } from "vitest";
import { type Options, Simulator } from "./index.js";

/** A `test` whose simulators are started with these options. */
export function testWith(options: Options): TestAPI<{ simulator: Simulator }> {
  return base.extend<{ simulator: Simulator }>({
    simulator: async ({}, use) => {
      const simulator = await Simulator.start(options);
      await use(simulator);
      await simulator.stop();
    },
  });
}

/** A `test` whose simulators serve the default world. */
export const test = testWith({});
