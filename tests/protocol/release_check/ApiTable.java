import java.io.File;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.List;

/**
 * Prints client jar, number, first and last stable version of every API that each jar knows.
 * The first argument is a folder of jars that they log with, the others are client jars.
 */
public class ApiTable {
  public static void main(String[] args) throws Exception {
    List<URL> logging = new ArrayList<>();
    for (File file : new File(args[0]).listFiles()) {
      // Kafka's own classes come from the jar that is asked, and from no other.
      if (file.getName().endsWith(".jar") && !file.getName().startsWith("kafka"))
        logging.add(file.toURI().toURL());
    }
    ClassLoader loggers =
      new URLClassLoader(logging.toArray(new URL[0]), ClassLoader.getPlatformClassLoader());
    for (int i = 1; i < args.length; ++i) {
      URL[] jar = {new File(args[i]).toURI().toURL()};
      try (URLClassLoader classes = new URLClassLoader(jar, loggers)) {
        Thread.currentThread().setContextClassLoader(classes);
        print(args[i], classes);
      }
    }
  }

  static void print(String jar, ClassLoader classes) throws Exception {
    Class<?> keys = classes.loadClass("org.apache.kafka.common.protocol.ApiKeys");
    for (Object key : keys.getEnumConstants()) {
      int id = ((Number) keys.getField("id").get(key)).intValue();
      int first = 0;
      int last;
      Method latest = method(keys, "latestVersion", boolean.class);
      if (latest != null) {
        first = version(keys, "oldestVersion", key);
        last = ((Number) latest.invoke(key, false)).intValue();
      } else if (method(keys, "latestVersion") != null) {
        first = version(keys, "oldestVersion", key);
        last = version(keys, "latestVersion", key);
      } else {
        // Before 0.11.
        Object[][] requests =
          (Object[][]) classes.loadClass("org.apache.kafka.common.protocol.Protocol")
            .getField("REQUESTS").get(null);
        last = requests[id] == null ? -1 : requests[id].length - 1;
        while (first <= last && requests[id][first] == null)
          ++first;
      }
      System.out.println(jar + "\t" + id + "\t" + first + "\t" + last);
    }
  }

  static Method method(Class<?> in, String name, Class<?>... parameters) {
    try {
      return in.getMethod(name, parameters);
    } catch (NoSuchMethodException e) {
      return null;
    }
  }

  static int version(Class<?> keys, String name, Object key) throws Exception {
    return ((Number) keys.getMethod(name).invoke(key)).intValue();
  }
}
