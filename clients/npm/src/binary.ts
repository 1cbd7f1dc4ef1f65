/** Finds the program: a variable, the package of this platform, the search path. */
import { accessSync, constants } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";

const NAME = process.platform === "win32" ? "portmaster-simulator.exe" : "portmaster-simulator";

/** The path of the simulator's program. Throws with the places that were looked at when there is none. */
export function findBinary(): string {
  const told = process.env.PORTMASTER_SIMULATOR;
  if (told) return told;
  const platform = `@portmaster-simulator/${process.platform}-${process.arch}`;
  try {
    return createRequire(import.meta.url).resolve(`${platform}/${NAME}`);
  } catch {
    // No package for this platform: a program on the search path will do.
  }
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(folder, NAME);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      continue;
    }
  }
  throw new Error(
    `no portmaster-simulator found: the variable PORTMASTER_SIMULATOR is not set, the package ${platform} is not ` +
      `installed, and no folder of PATH has ${NAME}`,
  );
}
