/** Fields that the sentence says already, or that only machines read. */
const IN_WORDS =
  'event,version,mode,sources,template,target,source,state,count,rejected,pid,' +
  'outcome,triggers,came,changes,reasons,ms,steps,counts,hashes,applied,pending';

/** Makes of a record of the log (one line of JSON) what people read; null of anything else. */
export async function prettyLine(options: {
  readonly colours: boolean;
}): Promise<(line: string) => string | null> {
  const { prettyFactory } = await import('pino-pretty');
  const format = prettyFactory({
    colorize: options.colours,
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
    ignore: IN_WORDS,
  });
  return (line) => {
    const record = recordIn(line);
    return record === null ? null : format(record);
  };
}

/** No line but a record's first begins at the margin: else a text of somebody's could pass for a record. */
function recordIn(line: string): object | null {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record !== 'object' || record === null || !('level' in record) || !('msg' in record)) {
      return null;
    }
    return { ...record, msg: String(record.msg).replaceAll('\n', '\n    ') };
  } catch {
    return null;
  }
}
