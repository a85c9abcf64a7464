//! Canonical order of a directed acyclic graph with labels: colour refinement and
//! individualisation.

use std::cmp::Ordering;

/// A graph to be put in order. Its first vertices, the inputs, keep their places.
#[derive(Debug)]
pub(super) struct Dag {
    /// Number of inputs.
    pub(super) inputs: usize,
    /// The other vertices, each after those it reads.
    pub(super) nodes: Vec<DagNode>,
}

/// A vertex that has to find its place.
#[derive(Debug)]
pub(super) struct DagNode {
    /// Vertices of different colours are never exchanged.
    pub(super) colour: u32,
    /// Label and source vertex of each incoming edge.
    pub(super) edges: Vec<(u32, usize)>,
}

impl Dag {
    /// The nodes (vertex number less the inputs) in canonical order, each after those it reads:
    /// isomorphic graphs are equal once they are written down in it.
    pub(super) fn canonical_order(&self) -> Vec<usize> {
        let mut search = Search::new(self);
        let mut colours = self.initial_colours();
        search.refine(&mut colours);
        search.descend(&colours, &mut Vec::new());
        search.best.map(|leaf| leaf.order).unwrap_or_default()
    }

    /// Colours by depth, then by the given colour. Depth first makes every order by colours
    /// topological.
    fn initial_colours(&self) -> Vec<u32> {
        let mut depth = vec![0_u32; self.inputs];
        for node in &self.nodes {
            let deepest = node.edges.iter().map(|&(_, source)| depth[source]).max();
            depth.push(deepest.unwrap_or(0) + 1);
        }
        let key = |i: usize| (depth[self.inputs + i], self.nodes[i].colour);
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_unstable_by_key(|&i| key(i));
        let mut colours: Vec<u32> = (0..(self.inputs + self.nodes.len()) as u32).collect();
        let mut class = 0;
        for (position, &i) in order.iter().enumerate() {
            if position > 0 && key(i) != key(order[position - 1]) {
                class = position;
            }
            colours[self.inputs + i] = (self.inputs + class) as u32;
        }
        colours
    }
}

/// An order that the search arrived at.
struct Leaf {
    encoding: Vec<u32>,
    order: Vec<usize>,
    path: Vec<usize>,
}

/// The colour of a vertex is the place of the first vertex of its class, so a colouring without
/// ties is an order.
struct Search<'a> {
    dag: &'a Dag,
    /// Label and target node of the edges out of each node.
    outgoing: Vec<Vec<(u32, usize)>>,
    best: Option<Leaf>,
    /// Permutations of the nodes that leave the graph as it is, found on the way.
    automorphisms: Vec<Vec<usize>>,
}

impl<'a> Search<'a> {
    fn new(dag: &'a Dag) -> Self {
        let mut outgoing = vec![Vec::new(); dag.nodes.len()];
        for (target, node) in dag.nodes.iter().enumerate() {
            for &(label, source) in &node.edges {
                if source >= dag.inputs {
                    outgoing[source - dag.inputs].push((label, target));
                }
            }
        }
        Self {
            dag,
            outgoing,
            best: None,
            automorphisms: Vec::new(),
        }
    }

    /// Splits classes by the labels and colours around their members until nothing changes.
    fn refine(&self, colours: &mut [u32]) {
        let inputs = self.dag.inputs;
        let mut around: Vec<(Vec<u64>, usize)> = Vec::new();
        loop {
            let tied = tied_nodes(&colours[inputs..], inputs);
            around.clear();
            for node in tied {
                let mut seen = vec![u64::from(colours[inputs + node])];
                let edges = &self.dag.nodes[node].edges;
                seen.extend(edges.iter().map(|&(label, source)| pair(label, colours[source])));
                seen[1..].sort_unstable();
                let middle = seen.len();
                let outgoing = &self.outgoing[node];
                seen.extend(
                    outgoing
                        .iter()
                        .map(|&(label, target)| pair(label, colours[inputs + target])),
                );
                seen[middle..].sort_unstable();
                // The number of incoming edges tells where one list ends and the other begins.
                seen.insert(1, middle as u64);
                around.push((seen, node));
            }
            around.sort_unstable();
            // Members of a class stand together: `class` is the first of this one's, `first` the
            // first that looks like this one. The distance between the two is how far its colour
            // moves up.
            let (mut class, mut first, mut split) = (0, 0, false);
            for i in 0..around.len() {
                if around[i].0 != around[first].0 {
                    first = i;
                    if around[i].0[0] == around[class].0[0] {
                        split = true;
                    } else {
                        class = i;
                    }
                }
                let (seen, node) = &around[i];
                colours[inputs + node] = (seen[0] as usize + first - class) as u32;
            }
            if !split {
                return;
            }
        }
    }

    /// Tries the members of the first class with ties, one after the other. What it returns is the
    /// level to go back to: everything below has been seen in another guise.
    fn descend(&mut self, colours: &[u32], path: &mut Vec<usize>) -> Option<usize> {
        let inputs = self.dag.inputs;
        let tied = tied_nodes(&colours[inputs..], inputs);
        let Some(colour) = tied.iter().map(|&node| colours[inputs + node]).min() else {
            return self.arrive(&colours[inputs..], path);
        };
        let members: Vec<usize> = tied
            .into_iter()
            .filter(|&node| colours[inputs + node] == colour)
            .collect();
        let level = path.len();
        let mut tried: Vec<usize> = Vec::new();
        for &member in &members {
            let seen = tried.iter().any(|&other| self.are_twins(other, member))
                || self.is_image_of(&tried, member, path);
            if seen {
                continue;
            }
            tried.push(member);
            let mut next = colours.to_vec();
            for &other in members.iter().filter(|&&other| other != member) {
                next[inputs + other] = colour + 1;
            }
            self.refine(&mut next);
            path.push(member);
            let back = self.descend(&next, path);
            path.pop();
            if back.is_some_and(|target| target < level) {
                return back;
            }
        }
        None
    }

    /// Compares the order of a colouring without ties with the best one so far.
    fn arrive(&mut self, colours: &[u32], path: &[usize]) -> Option<usize> {
        let inputs = self.dag.inputs;
        let mut order = vec![0; colours.len()];
        for (node, &colour) in colours.iter().enumerate() {
            order[colour as usize - inputs] = node;
        }
        let mut encoding = Vec::with_capacity(4 * order.len());
        let mut edges: Vec<(u32, u32)> = Vec::new();
        for &node in &order {
            let node = &self.dag.nodes[node];
            edges.clear();
            edges.extend(node.edges.iter().map(|&(label, source)| {
                let place = source.checked_sub(inputs).map_or(source as u32, |i| colours[i]);
                (place, label)
            }));
            edges.sort_unstable();
            encoding.extend([node.colour, edges.len() as u32]);
            encoding.extend(edges.iter().flat_map(|&(place, label)| [place, label]));
        }
        let leaf = Leaf {
            encoding,
            order,
            path: path.to_vec(),
        };
        let Some(best) = &self.best else {
            self.best = Some(leaf);
            return None;
        };
        match leaf.encoding.cmp(&best.encoding) {
            Ordering::Greater => None,
            Ordering::Less => {
                self.best = Some(leaf);
                None
            }
            Ordering::Equal => {
                let mut images = vec![0; leaf.order.len()];
                for (&from, &to) in best.order.iter().zip(&leaf.order) {
                    images[from] = to;
                }
                let common = best.path.iter().zip(path).take_while(|(a, b)| a == b).count();
                self.automorphisms.push(images);
                Some(common)
            }
        }
    }

    /// Whether exchanging the two nodes, and nothing else, leaves the graph as it is. They are of
    /// one class, so neither reads the other.
    fn are_twins(&self, a: usize, b: usize) -> bool {
        let sorted = |edges: &[(u32, usize)]| {
            let mut edges = edges.to_vec();
            edges.sort_unstable();
            edges
        };
        let nodes = &self.dag.nodes;
        sorted(&nodes[a].edges) == sorted(&nodes[b].edges)
            && sorted(&self.outgoing[a]) == sorted(&self.outgoing[b])
    }

    /// Whether the automorphisms that leave the path alone take one of `tried` to `member`.
    fn is_image_of(&self, tried: &[usize], member: usize, path: &[usize]) -> bool {
        let mut reached = tried.to_vec();
        let mut next = 0;
        while next < reached.len() {
            let node = reached[next];
            next += 1;
            for images in &self.automorphisms {
                let image = images[node];
                if path.iter().all(|&fixed| images[fixed] == fixed) && !reached.contains(&image) {
                    reached.push(image);
                }
            }
        }
        reached.contains(&member)
    }
}

fn pair(label: u32, colour: u32) -> u64 {
    u64::from(label) << 32 | u64::from(colour)
}

/// The nodes that share their colour with another one, in order of their numbers.
fn tied_nodes(colours: &[u32], inputs: usize) -> Vec<usize> {
    let mut size = vec![0_u32; colours.len()];
    for &colour in colours {
        size[colour as usize - inputs] += 1;
    }
    (0..colours.len())
        .filter(|&node| size[colours[node] as usize - inputs] > 1)
        .collect()
}
