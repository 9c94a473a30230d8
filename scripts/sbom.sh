#!/bin/sh
# npm run --silent sbom: the software bill of materials of what is shipped, as CycloneDX on stdout. npm's own command,
# read from package-lock.json: nothing is installed, and no registry is asked.
#
# What is only for development is left out here and not by --omit dev: npm 11 then leaves out yaml too, which is ours
# and also a peer of a package for development.
set -eu
cd "$(dirname "$0")/.."
bom=$(npm --silent sbom --package-lock-only --sbom-format cyclonedx 2>/dev/null)
printf '%s' "$bom" | node -e '
  const bom = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  const development = ({ name, value }) => name === "cdx:npm:package:development" && value === "true";
  bom.components = bom.components.filter(({ properties = [] }) => !properties.some(development));
  const shipped = new Set(bom.components.map((one) => one["bom-ref"]).concat(bom.metadata.component["bom-ref"]));
  bom.dependencies = bom.dependencies
    .filter(({ ref }) => shipped.has(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((one) => shipped.has(one)) }));
  bom.metadata.component.name = require("./package.json").name;
  console.log(JSON.stringify(bom, null, 2));
'
