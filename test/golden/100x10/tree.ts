/** 100 services on 10 hosts: the size that most sites have. */
export const tree: string = [
  'services:',
  ...Array.from({ length: 100 }, (_, service) => [
    `  service-${service}:`,
    ...Array.from(
      { length: 10 },
      (_, host) => `    host-${host}:service-${service}:80: 10.0.0.${host + 1}:${20_000 + service}`,
    ),
  ]).flat(),
  '',
].join('\n');
