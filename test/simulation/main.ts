import { parseArgs } from 'node:util';
import { shrink } from './shrink.ts';
import { type SimulationResult, simulate } from './simulate.ts';

const USAGE = `Simulates the whole loop by seeds, in virtual time (docs/simulation.md).

  npm run simulate -- --seed N             one seed, with its story
  npm run simulate -- --seed N --shrink    the shortest story in which the same seed breaks a promise
  npm run simulate -- --seeds COUNT        seeds 1 to COUNT; --from N begins elsewhere
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string' },
    shrink: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

/** Resolves to the exit code. */
async function main(): Promise<number> {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  return values.seed === undefined
    ? many(Number(values.from ?? 1), Number(values.seeds ?? 1000))
    : one(Number(values.seed));
}

async function one(seed: number): Promise<number> {
  const tell = (line: string) => console.log(line);
  const result = values.shrink ? await shrunk(seed) : await simulate({ seed, tell });
  if (values.shrink) {
    await simulate({ seed, actions: result.actions, sources: result.sources, tell });
    console.log('\nIt takes no more than this:');
    for (const timed of result.actions) {
      console.log(`  ${JSON.stringify(timed)},`);
    }
  }
  console.log(
    `\nseed ${seed}, mode ${result.mode}, ${sources(result)}, ${Math.round(result.ms / 1000)} s: ${words(result)}`,
  );
  return result.violation ? 1 : 0;
}

async function shrunk(seed: number): Promise<SimulationResult> {
  const result = await simulate({ seed });
  return result.violation ? shrink({ seed }, result) : result;
}

async function many(from: number, count: number): Promise<number> {
  const begun = Date.now();
  let [broken, ms] = [0, 0];
  for (let seed = from; seed < from + count; seed++) {
    const result = await simulate({ seed });
    ms += result.ms;
    if (result.violation) {
      broken++;
      console.log(`seed ${seed}, mode ${result.mode}, ${sources(result)}: ${words(result)}`);
    }
  }
  const took = `${Math.round(ms / 3_600_000)} hours in ${Math.round((Date.now() - begun) / 1000)} s`;
  console.log(
    `${count} seeds, ${took}: ${broken === 0 ? 'every promise was kept' : `${broken} broke a promise`}`,
  );
  return broken === 0 ? 0 : 1;
}

function sources({ sources }: SimulationResult): string {
  return sources.length === 1 ? 'one source' : `${sources.length} sources`;
}

function words({ violation }: SimulationResult): string {
  return violation === null
    ? 'every promise was kept'
    : `BROKEN at ${(violation.at / 1000).toFixed(3)} s: ${violation.what}`;
}

process.exitCode = await main();
