"""Holds the dependencies against deny.toml: licences, doubled versions, sources. Exit status 1 when one breaks a rule."""
import collections, json, re, subprocess, sys, tomllib

rules = tomllib.load(open("deny.toml", "rb"))
allowed = set(rules["licenses"]["allow"])
skipped = {entry["crate"] for entry in rules["bans"]["skip"]}
metadata = subprocess.run(["cargo", "metadata", "--format-version", "1", "--locked"], check=True, capture_output=True)
packages = json.loads(metadata.stdout)["packages"]


def permits(expression):
    """Whether an SPDX expression can be met with allowed licences."""
    words = re.findall(r"\(|\)|[^\s()/]+", expression.replace("/", " OR ").replace(" WITH ", "_WITH_"))
    python = {"(": "(", ")": ")", "AND": "and", "OR": "or"}
    return eval(" ".join(python.get(word, str(word.replace("_WITH_", " WITH ") in allowed)) for word in words))


wrong, versions = [], collections.defaultdict(set)
for package in packages:
    name = f"{package['name']}@{package['version']}"
    versions[package["name"]].add(package["version"])
    if not package["license"] or not permits(package["license"]):
        wrong.append(f"{name}: the licence {package['license']} is not allowed")
    if package["source"] and not package["source"].startswith("registry+https://github.com/rust-lang/crates.io-index"):
        wrong.append(f"{name}: comes from {package['source']}")
doubled = {f"{name}@{version}": name for name, all_ in versions.items() if len(all_) > 1 for version in all_}
kept = {name: [v for v in versions[name] if f"{name}@{v}" not in skipped] for name in set(doubled.values())}
wrong += [f"{name}: versions {', '.join(sorted(left))}" for name, left in kept.items() if len(left) > 1]
wrong += [f"deny.toml skips {crate}, of which there is one version" for crate in sorted(skipped - set(doubled))]

print("\n".join(wrong) or f"{len(packages)} packages keep to deny.toml")
sys.exit(bool(wrong))
