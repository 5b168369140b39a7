/**
 * A service of systemd: an app as it is, which `limpet start` runs on all cores. To try it by itself:
 *
 *     npx limpet start examples/systemd/app.js
 *
 * As a service: copy this and a package.json to /srv/shop, `npm install limpet` there, copy shop.service (and shop.socket, if systemd shall
 * hold the port) to /etc/systemd/system, and `systemctl enable --now shop`. Then `systemctl reload shop` replaces the workers,
 * `systemctl kill -s USR2 --kill-whom=main shop` the primary too, and nobody is refused.
 */
import http from 'node:http';

let visits = 0;
http
  .createServer((request, response) => {
    visits += 1;
    response.end(`${request.socket.remoteAddress}: process ${process.pid} has answered ${visits} times\n`);
  })
  .listen(Number(process.env.PORT ?? 3000));
