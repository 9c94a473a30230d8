import { asksByLabels, readContainerLabels } from './container-labels.ts';
import type { Container } from './engine-answers.ts';
import type { Selection } from './follow-engine.ts';
import { readRegistratorLabels } from './registrator-labels.ts';
import type { ReadWanted, WantedService } from './wanted-service.ts';

/** Which containers are announced, and what each asks to be announced as. */
export interface WhichContainers {
  readonly selection: Selection;
  readonly read: (container: Container) => ReadWanted;
}

/** Every container that asks for it by our labels; with `registrator` those, too, that do it in registrator's way. */
export function allThatAsk(registrator: boolean): WhichContainers {
  return {
    // The environment, where registrator's names may stand, is not in the list.
    selection: { kind: 'all', mayAsk: registrator ? () => true : asksByLabels },
    read: (container) =>
      registrator && !asksByLabels(container.labels)
        ? readRegistratorLabels(container)
        : readContainerLabels(container.labels),
  };
}

/** The container of this name. What is given goes over what its own labels say without a port. */
export function theOneNamed(name: string, given: WantedService): WhichContainers {
  return {
    selection: { kind: 'named', name },
    read: ({ labels }) => {
      const general = Object.entries(labels).filter(([label]) => !/^pointsman\.\d/.test(label));
      const own = readContainerLabels({ ...Object.fromEntries(general), 'pointsman.service': given.service });
      const [said] = own.wanted;
      if (!said && given.port === null) {
        return own;
      }
      return {
        wanted: [{ ...said, ...given, port: given.port ?? said?.port ?? null }],
        complaints: given.port === null ? own.complaints : [],
      };
    },
  };
}
