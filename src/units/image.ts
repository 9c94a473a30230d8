/** Docker's grammar of a reference: registry and path, a tag, a digest. */
const REFERENCE =
  /^(?<name>(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d{1,5})?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?<digest>@sha256:[0-9a-f]{64})?$/;

/** What the build server names an image. */
const BUILT = /^git-[0-9a-f]{7,40}$/;

/** Why an image is refused, and what would fit; null where it is fine. */
export function whyRefused(
  image: string,
  { service, anyImage }: { readonly service: string; readonly anyImage: boolean },
): string | null {
  const found = REFERENCE.exec(image)?.groups;
  if (found === undefined) {
    return `${JSON.stringify(image)} is no image; would fit: registry.example.com/${service.toLowerCase()}:git-1a2b3c4`;
  }
  const { name = '', tag, digest } = found;
  if (tag === 'latest') {
    return `${image} is another image tomorrow: name the tag of one build, such as ${name}:git-1a2b3c4`;
  }
  if (tag === undefined && digest === undefined) {
    return `${image} has no tag, which means latest: name the tag of one build, such as ${name}:git-1a2b3c4`;
  }
  if (anyImage) {
    return null;
  }
  const last = name.slice(name.lastIndexOf('/') + 1);
  if (last !== service.toLowerCase() || tag === undefined || !BUILT.test(tag)) {
    return `${image} is no ${service.toLowerCase()}:git-<7 to 40 hexadecimal digits>; where it comes from elsewhere, say anyImage: true`;
  }
  return null;
}

/** Why an image of anybody's is refused: it has to name one version. */
export function whyVague(image: string): string | null {
  return whyRefused(image, { service: 'pointsman', anyImage: true });
}
