// NestJS the usual way: one Subject for the whole application, a filter for each connected user.
import 'reflect-metadata';
import { Controller, Get, Module, Param, Query, Sse } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { filter, map, startWith, Subject } from 'rxjs';

const PADDING = 'x'.repeat(330);
const events = new Subject();
const seconds = () => Number(process.hrtime.bigint()) / 1e9;
const turn = () => new Promise((resolve) => setImmediate(resolve));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

class Feed {
    stream(user) {
        return events.pipe(
            filter((event) => event.to === user),
            map((event) => ({ data: event.data })),
            startWith({ data: 'hello' }),
        );
    }

    async fire(query) {
        const [count, of, rate] = [Number(query.n), Number(query.of), Number(query.rate ?? 0)];
        const started = seconds();
        for (let number = 0; number < count; number++) {
            if (rate) {
                // setTimeout has whole milliseconds: what is due by then goes without another wait.
                const left = (started + number / rate - seconds()) * 1000;
                if (left >= 1) await sleep(left);
            } else if (!query.burst) await turn();
            const data = { n: number, at: seconds(), mark: '~' + PADDING };
            events.next({ to: String((number * 7919) % of), data });
        }
        return 'ok';
    }
}

// What the decorators of TypeScript do, by hand: no compiler is needed then.
const method = (name) => [Feed.prototype, name, Object.getOwnPropertyDescriptor(Feed.prototype, name)];
Param('user')(Feed.prototype, 'stream', 0);
Query()(Feed.prototype, 'fire', 0);
Sse('stream/:user')(...method('stream'));
Get('fire')(...method('fire'));
Controller()(Feed);

class Application {}
Module({ controllers: [Feed] })(Application);

const application = await NestFactory.create(Application, { logger: false });
await application.listen(Number(process.argv[2]), '127.0.0.1');
