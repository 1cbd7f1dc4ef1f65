// Makes the npm package of one platform beside OUT/main, and names it there: npm-platform.mjs PLATFORM-ARCH PROGRAM VERSION OUT
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

const [platform, program, version, out] = process.argv.slice(2);
const [os, cpu] = platform.split("-");
const name = `@portmaster-simulator/${platform}`;
const folder = join(out, platform);
mkdirSync(folder, { recursive: true });
copyFileSync(program, join(folder, basename(program)));
chmodSync(join(folder, basename(program)), 0o755);
const about = { name, version, description: `portmaster-simulator for ${platform}`, license: "MIT OR Apache-2.0", os: [os], cpu: [cpu] };
writeFileSync(join(folder, "package.json"), `${JSON.stringify(about, null, 2)}\n`);

const main = join(out, "main", "package.json");
const manifest = JSON.parse(readFileSync(main, "utf8"));
manifest.version = version;
manifest.optionalDependencies = { ...manifest.optionalDependencies, [name]: version };
writeFileSync(main, `${JSON.stringify(manifest, null, 2)}\n`);
